/* A PKCS#11 module that counts: each C_Sign adds one byte to the file COUNT, and goes on to the module MODULE. */
#include "pkcs11go.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static CK_FUNCTION_LIST counting;
static CK_FUNCTION_LIST_PTR real;

static CK_RV sign(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG size, CK_BYTE_PTR signature, CK_ULONG_PTR length) {
	int file = open(getenv("COUNT"), O_WRONLY | O_APPEND | O_CREAT, 0600);
	if (file < 0 || write(file, "s", 1) != 1 || close(file) != 0)
		return CKR_GENERAL_ERROR;
	return real->C_Sign(session, data, size, signature, length);
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list) {
	if (real == NULL) {
		void *module = dlopen(getenv("MODULE"), RTLD_NOW | RTLD_LOCAL);
		CK_C_GetFunctionList get = module ? (CK_C_GetFunctionList)dlsym(module, "C_GetFunctionList") : NULL;
		if (get == NULL || get(&real) != CKR_OK)
			return CKR_GENERAL_ERROR;
		counting = *real;
		counting.C_Sign = sign;
	}
	*list = &counting;
	return CKR_OK;
}
