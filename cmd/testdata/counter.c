/* A PKCS#11 module that counts: each C_Sign adds one byte to the file COUNT, each C_Login one to COUNT-logins, and both go on
   to the module MODULE. */
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
	return counted(COUNT) ? real->C_Sign(session, data, size, signature, length) : CKR_GENERAL_ERROR;
}

static CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin, CK_ULONG size) {
	return counted(COUNT "-logins") ? real->C_Login(session, user, pin, size) : CKR_GENERAL_ERROR;
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
	}
	*list = &counting;
	return CKR_OK;
}
