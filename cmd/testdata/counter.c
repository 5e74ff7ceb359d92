/* A PKCS#11 module that counts: each C_Sign adds one byte to the file COUNT, each C_Login one to COUNT-logins, and both go on
   to the module MODULE. While there is a file COUNT-dies, its token dies at the first signature, and stays dead as long as
   there is the file COUNT-dead. */
#include "pkcs11go.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

static CK_FUNCTION_LIST counting;
static CK_FUNCTION_LIST_PTR real;

static int counted(const char *name) {
	int file = open(name, O_WRONLY | O_APPEND | O_CREAT, 0600);
	return file >= 0 && write(file, "+", 1) == 1 && close(file) == 0;
}

static CK_RV sign(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG size, CK_BYTE_PTR signature, CK_ULONG_PTR length) {
	if (access(COUNT "-dies", F_OK) == 0) {
		counted(COUNT "-dead");
		return CKR_DEVICE_REMOVED;
	}
	return counted(COUNT) ? real->C_Sign(session, data, size, signature, length) : CKR_GENERAL_ERROR;
}

static CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin, CK_ULONG size) {
	return counted(COUNT "-logins") ? real->C_Login(session, user, pin, size) : CKR_GENERAL_ERROR;
}

static CK_RV slots(CK_BBOOL present, CK_SLOT_ID_PTR list, CK_ULONG_PTR count) {
	return access(COUNT "-dead", F_OK) == 0 ? CKR_DEVICE_REMOVED : real->C_GetSlotList(present, list, count);
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list) {
	if (real == NULL) {
		void *module = dlopen(MODULE, RTLD_NOW | RTLD_LOCAL);
		CK_C_GetFunctionList get = module ? (CK_C_GetFunctionList)dlsym(module, "C_GetFunctionList") : NULL;
		if (get == NULL || get(&real) != CKR_OK)
			return CKR_GENERAL_ERROR;
		counting = *real;
		counting.C_Sign = sign;
		counting.C_Login = login;
		counting.C_GetSlotList = slots;
	}
	*list = &counting;
	return CKR_OK;
}
